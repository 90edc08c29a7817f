"""The worker process: it executes what a TypeScript driver decides."""
