"""What a release says about the partner's sales, computed only from the tables the release tells."""
