collect_ignore_glob = ["recipes/*", "scripts/*"]  # programs: imported, they would train
