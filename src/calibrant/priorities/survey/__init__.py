"""What is asked, of whom, when? A survey is a YAML file."""
