import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { AttestationResult } from '@cmc/attestationreport';
import { explainResult } from '../explanation.ts';
import { certificatesSection } from './certificates.ts';
import { eventsSection } from './events.ts';
import { encodeEvents } from './events-data.ts';
import { findingsSection } from './findings.ts';
import { html, markupOf, verbatim } from './html.ts';
import { platformSection } from './platform.ts';
import { timelineSection } from './timeline.ts';

// Compiled code lies in dist, as deep in it as its source in src.
const STYLE = asset('page.css');
const SCRIPT = asset('page.mjs');

/**
 * A result as one HTML page that needs nothing else: no network, no files. Everything is there
 * without scripts but the tables of events. Names and texts of the prover are only ever text.
 */
export function explanationPage(result: AttestationResult): string {
  const explanation = explainResult(result);
  const { verdict, sentence, host = 'unknown host', created = '', certLevel } = explanation;
  const policy =
    `default-src 'none'; style-src '${hashOf(STYLE)}'; script-src '${hashOf(SCRIPT)}'; ` +
    "base-uri 'none'; form-action 'none'";
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Attestation of ${host}: ${VERDICTS[verdict]}</title>
<style>${verbatim(STYLE)}</style>
</head>
<body>
<a class="skip" href="#findings">Skip to the findings</a>
<header class="${verdict}">
<h1><bdi>${sentence}</bdi></h1>
<p>Certification level ${certLevel}. Verified ${created === '' ? 'at an unknown time' : `at ${created}`}.</p>
<nav aria-label="Sections"><a href="#findings">Findings</a> <a href="#events">Events</a> <a href="#platform">Platform</a> <a href="#certificates">Certificates</a> <a href="#timeline">Timeline</a></nav>
</header>
<main>
${findingsSection(explanation.findings)}
${eventsSection(result)}
${platformSection(result)}
${certificatesSection(result)}
${timelineSection(result)}
</main>
<script type="application/octet-stream" id="data">${verbatim(encodeEvents(result))}</script>
<script type="module">${verbatim(SCRIPT)}</script>
</body>
</html>
`;
  return markupOf(page);
}

const VERDICTS = { success: 'accepted', warn: 'accepted with a warning', fail: 'refused' } as const;

function asset(name: string): string {
  return readFileSync(new URL(`../../../src/explain/html/${name}`, import.meta.url), 'utf8');
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
