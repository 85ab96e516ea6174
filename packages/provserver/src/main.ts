#!/usr/bin/env node
import { runProgram } from '@cmc/host';
import { createProgram } from './cli/program.ts';

await runProgram(createProgram());
