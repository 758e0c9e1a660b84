"""How do subjects do on kinds of task, when they share strength? Hierarchical models and gates."""
