import type { ExplainedFinding } from '../explanation.ts';
import { type Html, html } from './html.ts';

const MAX_FINDINGS = 100;

/** What is wrong and what to do, the first fault first. */
export function findingsSection(findings: readonly ExplainedFinding[]): Html {
  const more = findings.length - MAX_FINDINGS;
  const list =
    findings.length === 0
      ? html`<p>Nothing is wrong, and there is nothing more to know.</p>`
      : html`<ol class="findings">${findings.slice(0, MAX_FINDINGS).map(finding)}</ol>`;
  const rest = more > 0 ? html`<p>${more} more findings are not shown.</p>` : html``;
  return html`<section id="findings" aria-labelledby="h-findings">
<h2 id="h-findings">Findings (${findings.length})</h2>
${list}${rest}
</section>`;
}

function finding(one: ExplainedFinding, index: number): Html {
  const { id, severity, text, title, path, expected, got, nearest, meaning, causes, remedy } = one;
  const values = [
    row('Expected', expected),
    row('Got', got),
    row('Nearest', nearest),
    row('Where', path),
  ];
  return html`<li class="${severity}"><h3><span class="badge">${severity}</span> ${title} <code>${id}</code></h3>
<p><bdi>${text}</bdi></p>
<dl>${values}</dl>
<details${index === 0 ? html` open` : html``}><summary>What it means and what to do</summary>
<p>${meaning}</p><p>Likely causes:</p><ul>${causes.map((cause) => html`<li>${cause}</li>`)}</ul>
<p><strong>${remedy}</strong></p></details></li>
`;
}

function row(name: string, value: string | undefined): Html {
  return value === undefined ? html`` : html`<dt>${name}</dt><dd><bdi>${value}</bdi></dd>`;
}
