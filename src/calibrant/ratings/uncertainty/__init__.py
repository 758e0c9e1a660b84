"""How sure are ratings? Covariances, bootstrap, ranks, live arenas, judges that err."""
