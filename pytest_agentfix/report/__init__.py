"""Text made from results: the summary, report files, JUnit properties. Pure: no I/O."""
