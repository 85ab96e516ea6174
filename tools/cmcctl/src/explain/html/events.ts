import type { AttestationResult } from '@cmc/attestationreport';
import { EVENT_STATES, SHOWN_DIGITS } from './events-data.ts';
import { type Html, html } from './html.ts';

/** The table of events; the script of the page fills it. */
export function eventsSection({ measurements }: AttestationResult): Html {
  const kinds = (measurements ?? []).map(({ type }) => type);
  const count = (measurements ?? []).reduce((sum, { artifacts = [] }) => sum + artifacts.length, 0);
  return html`<section id="events" aria-labelledby="h-events">
<h2 id="h-events">Events (${count})</h2>
<noscript><p>The table needs JavaScript; nothing is loaded from anywhere.</p></noscript>
<form id="filter">
<label>Name or digest <input type="search" id="query" autocomplete="off"></label>
<label>State <select id="state"><option value="">all</option><option value="problem">problems</option>${EVENT_STATES.map((state, i) => html`<option value="${i}">${state}</option>`)}</select></label>
<label>Measurement <select id="kind"><option value="">all</option>${kinds.map((kind, i) => html`<option value="${i}">${kind}</option>`)}</select></label>
</form>
<p id="count" role="status" aria-live="polite"></p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of events"><table><caption>Digests are shortened to ${SHOWN_DIGITS} digits; problems have all.</caption>
<thead><tr><th scope="col">#</th><th scope="col">State</th><th scope="col">Measurement</th><th scope="col">Index</th><th scope="col">Name</th><th scope="col">Digest</th></tr></thead>
<tbody id="rows"></tbody></table></div>
<button type="button" id="more" hidden>Show more</button>
</section>`;
}
