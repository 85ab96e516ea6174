import { attestationResultSchema, encodeStruct } from '@cmc/attestationreport/codec';
import { decodeUtf8 } from '@cmc/bytes';
import { colour } from '../output.ts';
import type { VerifyFormat } from '../settings.ts';
import type { Verdict } from './verdict.ts';

type Format = (verdicts: readonly Verdict[], at: Date | undefined) => string;

/** The verdicts as text in `format`, with the time that they are for when it is not now. */
export function formatVerdicts(
  verdicts: readonly Verdict[],
  format: VerifyFormat,
  at: Date | undefined,
): string {
  return FORMATS[format](verdicts, at);
}

const FORMATS: Readonly<Record<VerifyFormat, Format>> = { pretty, json, junit, sarif, github };
const COLOURS = { success: 'green', warn: 'yellow', fail: 'red', unavailable: 'red' } as const;

function note(at: Date | undefined): string | undefined {
  return at === undefined ? undefined : `Archived evidence, verified as of ${at.toISOString()}.`;
}

function sentences({ reasons }: Verdict, at: Date | undefined): readonly string[] {
  const archived = note(at);
  return archived === undefined ? reasons : [...reasons, archived];
}

function pretty(verdicts: readonly Verdict[], at: Date | undefined): string {
  const blocks = verdicts.map((verdict) => {
    const lines = sentences(verdict, at).map((line) => `  ${line}\n`);
    return `${colour(verdict.status, COLOURS[verdict.status])} ${verdict.file}\n${lines.join('')}`;
  });
  return blocks.join('');
}

function json(verdicts: readonly Verdict[], at: Date | undefined): string {
  const reports = verdicts.map(({ result, ...verdict }) => ({
    ...verdict,
    ...(result && {
      result: JSON.parse(decodeUtf8(encodeStruct(attestationResultSchema, result, 'json'))),
    }),
  }));
  const archived = at === undefined ? {} : { archivedAt: at.toISOString() };
  return `${JSON.stringify({ ...archived, reports })}\n`;
}

function junit(verdicts: readonly Verdict[], at: Date | undefined): string {
  const count = (status: Verdict['status']): number =>
    verdicts.filter((verdict) => verdict.status === status).length;
  const cases = verdicts.map((verdict) => {
    const text = xml(sentences(verdict, at).join('\n'));
    const tag = {
      success: 'system-out',
      warn: 'system-out',
      fail: 'failure',
      unavailable: 'error',
    }[verdict.status];
    return `    <testcase classname="cmcctl.verify" name="${xml(verdict.file)}"><${tag}>${text}</${tag}></testcase>\n`;
  });
  const counts = `tests="${verdicts.length}" failures="${count('fail')}" errors="${count('unavailable')}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts}>\n  <testsuite name="cmcctl verify" ${counts}>\n${cases.join('')}  </testsuite>\n</testsuites>\n`;
}

/** Text for XML: escaped, and without the characters that XML 1.0 does not have. */
function xml(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}')
    .replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}

function sarif(verdicts: readonly Verdict[], at: Date | undefined): string {
  const levels = { success: 'none', warn: 'warning', fail: 'error', unavailable: 'error' };
  const rules = [
    { id: 'attestation', shortDescription: { text: 'The attestation report is accepted.' } },
    { id: 'unavailable', shortDescription: { text: 'What a verdict needs can be reached.' } },
  ];
  const results = verdicts.map((verdict) => ({
    ruleId: verdict.status === 'unavailable' ? 'unavailable' : 'attestation',
    kind: verdict.status === 'success' ? 'pass' : 'fail',
    level: levels[verdict.status],
    message: { text: sentences(verdict, at).join(' ') },
    locations: [{ physicalLocation: { artifactLocation: { uri: encodeURI(verdict.file) } } }],
  }));
  const driver = { name: 'cmcctl', rules };
  const log = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, results }],
  };
  return `${JSON.stringify(log, undefined, 2)}\n`;
}

/** Workflow commands; their escapes keep texts of provers from making commands of their own. */
function github(verdicts: readonly Verdict[], at: Date | undefined): string {
  const commands = { success: 'notice', warn: 'warning', fail: 'error', unavailable: 'error' };
  const data = (text: string): string =>
    text.replace(/[%\r\n]/g, (char) => encodeURIComponent(char));
  const property = (text: string): string =>
    data(text).replace(/[:,]/g, (char) => (char === ':' ? '%3A' : '%2C'));
  return verdicts
    .map((verdict) => {
      const where = `file=${property(verdict.file)},title=${property(`attestation: ${verdict.status}`)}`;
      return `::${commands[verdict.status]} ${where}::${data(sentences(verdict, at).join('\n'))}\n`;
    })
    .join('');
}
