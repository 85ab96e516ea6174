import { colour } from '../output.ts';
import type { ExplainedFinding, Explanation } from './explanation.ts';

const MAX_FINDINGS = 20;
const COLOURS = { error: 'red', warning: 'yellow', note: 'green' } as const;
const VERDICTS = { success: 'green', warn: 'yellow', fail: 'red' } as const;

/** An explanation as text for terminals. */
export function explanationLines(explanation: Explanation): readonly string[] {
  const { verdict, sentence, findings } = explanation;
  const more = findings.length - MAX_FINDINGS;
  return [
    colour(sentence, VERDICTS[verdict]),
    ...findings.slice(0, MAX_FINDINGS).flatMap(findingLines),
    ...(more > 0 ? ['', `${more} more findings are left out; --json and --html have them.`] : []),
  ];
}

function findingLines(finding: ExplainedFinding, index: number): readonly string[] {
  const { id, severity, text, path, expected, got, nearest, meaning, causes, remedy } = finding;
  const row = (name: string, value: string | undefined): readonly string[] =>
    value === undefined ? [] : [`   ${name.padEnd(10)}${value}`];
  return [
    '',
    `${index + 1}. ${colour(severity, COLOURS[severity])} ${id}`,
    `   ${text}`,
    ...row('expected', expected),
    ...row('got', got),
    ...row('nearest', nearest),
    ...row('where', path),
    ...row('meaning', meaning),
    ...row('causes', `${causes.join('; ')}.`),
    ...row('to do', remedy),
  ];
}
