// Reads and renders markdown as GitHub does: headings get the same anchors, so that a link works in
// the repository and on the site.
import { lexer, marked, Renderer } from 'marked';

/** Headings (depth, text, id), targets of links, and code blocks (info, text) of a document. */
export function parseMarkdown(text) {
  const slug = createSlugger();
  const headings = [];
  const links = [];
  const blocks = [];
  void marked.walkTokens(lexer(text), (token) => {
    if (token.type === 'heading') {
      const title = plainText(token.tokens);
      headings.push({ depth: token.depth, title, id: slug(title) });
    } else if (token.type === 'link' || token.type === 'image') links.push(token.href);
    else if (token.type === 'code') blocks.push({ info: token.lang ?? '', text: token.text });
  });
  return { headings, links, blocks };
}

/**
 * HTML of a document. `link` gives the target that a link has on the site, or undefined for none;
 * `code` the HTML of a code block.
 */
export function renderMarkdown(text, { link = (href) => href, code = escapeHtml } = {}) {
  return marked.parse(text, { renderer: new PageRenderer(link, code) });
}

export function escapeHtml(text) {
  const entities = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return text.replace(/[&<>"]/g, (character) => entities[character]);
}

/** Anchors as GitHub makes them. */
function createSlugger() {
  const seen = new Map();
  return (title) => {
    const slug = title
      .toLowerCase()
      .replace(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count === 0 ? slug : `${slug}-${count}`;
  };
}

function plainText(tokens) {
  return tokens.map((token) => (token.tokens ? plainText(token.tokens) : token.text)).join('');
}

class PageRenderer extends Renderer {
  #slug = createSlugger();
  #link;
  #code;

  constructor(link, code) {
    super();
    this.#link = link;
    this.#code = code;
  }

  heading({ tokens, depth }) {
    const id = this.#slug(plainText(tokens));
    return `<h${depth} id="${id}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
  }

  link({ href, tokens }) {
    const target = this.#link(href);
    const text = this.parser.parseInline(tokens);
    return target === undefined ? text : `<a href="${escapeHtml(target)}">${text}</a>`;
  }

  image({ href, text }) {
    return `<img src="${escapeHtml(this.#link(href))}" alt="${escapeHtml(text)}">`;
  }

  /** Markup is no part of our documents: `<path>` is what it says. */
  html({ text }) {
    return escapeHtml(text);
  }

  // What is wider than the page scrolls, and for that has to be reachable with the keyboard.
  code({ text }) {
    return `<pre tabindex="0"><code>${this.#code(text)}</code></pre>\n`;
  }

  table(token) {
    return `<div class="wide" role="group" aria-label="Table" tabindex="0">${super.table(token)}</div>\n`;
  }
}
