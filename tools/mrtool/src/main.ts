#!/usr/bin/env node
import { runProgram } from '@cmc/host';
import { createProgram } from './program.ts';

await runProgram(createProgram());
