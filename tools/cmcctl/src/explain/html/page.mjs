// Runs in the page, not in Node: fills the table of events and filters it.
const PAGE = 200;
const UNKNOWN = 1;
const MISSING = 2;

const byId = (id) => document.getElementById(id);

async function readData() {
  const packed = Uint8Array.from(atob(byId('data').textContent), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return JSON.parse(await new Response(stream).text());
}

const data = await readData();
const total = data.name.length;
const isProblem = (row) => data.state[row] === UNKNOWN || data.state[row] === MISSING;
let matches = [];
let shown = 0;

function rowElement(row) {
  const element = document.createElement('tr');
  if (isProblem(row)) element.className = 'problem';
  const texts = [
    row + 1,
    data.states[data.state[row]],
    data.kinds[data.measurements[row]],
    data.index[row],
    data.name[row],
    data.details[row] ?? data.digest[row],
  ];
  texts.forEach((text, column) => {
    const cell = document.createElement('td');
    const inner = document.createElement(column === 5 ? 'code' : 'bdi');
    // Only ever as text: names come from the prover.
    inner.textContent = text;
    cell.append(inner);
    element.append(cell);
  });
  return element;
}

function showMore() {
  const next = matches.slice(shown, shown + PAGE);
  byId('rows').append(...next.map(rowElement));
  shown += next.length;
  byId('more').hidden = shown === matches.length;
  byId('count').textContent = `${matches.length} of ${total} events match, ${shown} are shown.`;
}

function filter() {
  const query = byId('query').value.trim().toLowerCase();
  const state = byId('state').value;
  const kind = byId('kind').value;
  matches = [];
  for (let row = 0; row < total; row++) {
    if (state === 'problem' ? !isProblem(row) : state !== '' && data.state[row] !== Number(state)) {
      continue;
    }
    if (kind !== '' && data.measurements[row] !== Number(kind)) continue;
    const text = `${data.name[row]} ${data.details[row] ?? data.digest[row]}`.toLowerCase();
    if (query === '' || text.includes(query)) matches.push(row);
  }
  shown = 0;
  byId('rows').replaceChildren();
  showMore();
}

byId('more').addEventListener('click', showMore);
byId('filter').addEventListener('input', filter);
byId('filter').addEventListener('submit', (event) => event.preventDefault());
filter();
