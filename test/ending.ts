/** Loaded by mocha before the tests: SIGTERM ends it like `process.exit`, so that 'exit' listeners still clean up. */
process.on('SIGTERM', () => process.exit(143));
