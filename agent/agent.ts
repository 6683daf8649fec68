#!/usr/bin/env node
/** The privileged program as shipped in the package: what `sudo -n` starts if `setup` has not been run. */
import { agent } from './program';

void agent();
