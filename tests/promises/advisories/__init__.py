"""The holes that other servers of this kind had: one regression test each, its ID in the test's name."""
