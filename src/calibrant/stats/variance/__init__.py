"""Where does the variation come from, and what should be bought next? Components and D studies."""
