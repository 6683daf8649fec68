#!/usr/bin/env node
/** The privileged program as the package has it: what `sudo -n` starts where `setup` has not been run. */
import { agent } from './program';

void agent();
