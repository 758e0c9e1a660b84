"""People label stored answers: blind, in balanced order, by keyboard. A store, and its pages."""
