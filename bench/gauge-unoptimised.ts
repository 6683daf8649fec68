/**
 * The gauge, in a process whose code is not optimised: V8 goes on optimising what runs often for thousands of requests, some MB of
 * code that are no part of what the package keeps, and would hide it.
 */
import { setFlagsFromString } from 'node:v8';
import '../test/device/gauge';

setFlagsFromString('--no-opt');
