"""The language of templates: slots, what fills them, rules, exact answers."""
