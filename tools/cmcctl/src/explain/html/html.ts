import { printable } from '@cmc/attestationreport';

const HTML: unique symbol = Symbol('html');

/** Markup in which every text is escaped. Only {@link html} makes it. */
export interface Html {
  readonly [HTML]: string;
}

/** Markup from a template; texts in it become text, whatever characters they have. */
export function html(
  strings: TemplateStringsArray,
  ...values: readonly (string | number | Html | readonly Html[])[]
): Html {
  const parts = strings.map((markup, i) => {
    const value = values[i];
    return value === undefined ? markup : `${markup}${render(value)}`;
  });
  return { [HTML]: parts.join('') };
}

/** The markup as text, to write it to a file. */
export function markupOf(markup: Html): string {
  return markup[HTML];
}

/** Trusted text of this package (style, script, base64) as markup, as it is. */
export function verbatim(text: string): Html {
  return { [HTML]: text };
}

function render(value: string | number | Html | readonly Html[]): string {
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return String(value);
  return HTML in value ? value[HTML] : value.map(markupOf).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return printable(text).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '');
}
