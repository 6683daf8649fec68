/** Loaded by mocha before the tests: SIGTERM ends it as `process.exit` does, so that 'exit' listeners still tidy up. */
process.on('SIGTERM', () => process.exit(143));
