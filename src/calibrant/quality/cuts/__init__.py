"""Where does good enough begin? Thresholds from panels, groups, banks and costs, with errors."""
