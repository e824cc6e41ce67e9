"""Rules, one file a pathology, in folders by family."""
