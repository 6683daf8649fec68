#!/usr/bin/env node
/** The command line, for a technician on the console. */
import { commandLine } from './command-line';

void commandLine(process.argv);
