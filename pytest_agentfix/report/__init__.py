"""Results -> text: the terminal's summary, the JSON report, JUnit properties. Pure: no I/O."""
