import { packageVersion } from '@cmc/host';
import { Command } from 'commander';
import { addLearn } from './learn.ts';
import { addParseIma } from './parse-ima.ts';
import { addParseTpm } from './parse-tpm.ts';
import { addPrecomputeSnp } from './precompute-snp.ts';
import { addReadTpm } from './read-tpm.ts';

const EXIT_CODES = `
Exit codes: 0 success, 2 wrong call or input.
`;

/** The command line of mrtool. */
export function createProgram(): Command {
  const program = new Command('mrtool')
    .enablePositionalOptions()
    .description('Reference values: what software and firmware will measure, for manifests.')
    .version(packageVersion(import.meta.url))
    .addHelpText('after', EXIT_CODES);
  const parse = program
    .command('parse')
    .description('reference values from a log of a trusted machine');
  addParseTpm(parse);
  addParseIma(parse);
  const precompute = program
    .command('precompute')
    .description('compute what will be measured, without the machine');
  addPrecomputeSnp(precompute);
  addReadTpm(program.command('read').description('reference values from this machine'));
  addLearn(program);
  return program;
}
