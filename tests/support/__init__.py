"""What several test files share: made inputs, reference implementations, measurements."""
