#!/usr/bin/env node
import { runProgram } from '@cmc/host';
import { createProgram } from './program.ts';

// A reader that has seen enough, such as head, is no fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

await runProgram(createProgram());
