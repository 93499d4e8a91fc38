// Makes the pages quicker to use; without it they work as well, by links and forms. It fetches the same pages and takes
// the parts out of them that changed.

/** @param {string} id */
const byId = (id) => document.getElementById(id);

/**
 * The page at an address, or undefined when it did not come.
 *
 * @param {string} address
 * @param {AbortSignal} [signal]
 */
async function load(address, signal) {
  try {
    const response = await fetch(address, { headers: { Accept: 'text/html' }, ...(signal && { signal }) });
    return new DOMParser().parseFromString(await response.text(), 'text/html');
  } catch {
    return undefined; // Aborted, or the registry does not answer: the page stays as it is.
  }
}

/**
 * Puts parts of another page in the place of this one's, and the focus where it was.
 *
 * @param {Document} from
 * @param {readonly string[]} ids
 */
function take(from, ids) {
  const focused = document.activeElement?.id;
  for (const id of ids) {
    const [now, next] = [byId(id), from.getElementById(id)];
    if (now && next && now.outerHTML !== next.outerHTML) now.replaceWith(document.importNode(next, true));
  }
  if (focused && document.activeElement?.id !== focused) byId(focused)?.focus();
  showCopyButtons();
}

function showCopyButtons() {
  for (const button of document.querySelectorAll('.copy')) if (button instanceof HTMLElement) button.hidden = false;
}

/** @param {string} text */
async function copy(text) {
  // Only where the page came encrypted, or from this machine.
  if ('clipboard' in navigator) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const isDone = document.execCommand('copy');
  area.remove();
  if (!isDone) throw new Error('the browser does not copy');
}

document.addEventListener('click', async (event) => {
  const button = event.target instanceof Element ? event.target.closest('.copy') : null;
  if (!(button instanceof HTMLElement)) return;
  const label = button.firstChild;
  const text = byId(button.dataset['copy'] ?? '')?.textContent ?? '';
  const said = await copy(text).then(
    () => 'Copied',
    () => 'Select it',
  );
  if (!label) return;
  label.textContent = said;
  setTimeout(() => (label.textContent = 'Copy'), 1500);
});

/** The page on which images are composed. */
function compose(/** @type {HTMLFormElement} */ form) {
  const PARTS = ['words', 'image', 'results'];
  let loading = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let soon;

  const field = (/** @type {string} */ name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

  function address() {
    const search = new URLSearchParams();
    if (field('name').value.trim() !== '') search.set('name', field('name').value.trim());
    if (!['', 'latest'].includes(field('tag').value.trim())) search.set('tag', field('tag').value.trim());
    if (field('q').value.trim() !== '') search.set('q', field('q').value.trim());
    const text = search.toString().replaceAll('%2F', '/');
    return text === '' ? '/' : `/?${text}`;
  }

  /** @param {string} to */
  async function go(to) {
    clearTimeout(soon);
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    const next = await load(to, signal);
    if (signal.aborted || !next) return;
    history.replaceState(null, '', to);
    document.title = next.title;
    take(next, PARTS);
    again();
  }

  /** What is being listed is there soon. */
  function again() {
    const ms = Number(byId('count')?.dataset['again'] ?? 0);
    if (ms > 0) soon = setTimeout(() => go(address()), ms);
  }

  form.addEventListener('input', () => {
    clearTimeout(soon);
    soon = setTimeout(() => go(address()), 120);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void go(address());
  });
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[data-live]') : null;
    const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
    if (!(link instanceof HTMLAnchorElement) || !isPlain) return;
    event.preventDefault();
    field('name').value = new URL(link.href).searchParams.get('name') ?? '';
    void go(address());
  });
  again();
}

/** The page of a build: its log as it grows. */
function follow(/** @type {HTMLElement} */ log) {
  const MAX_LINES = 2000;
  if (log.dataset['over'] === '1') return;
  let startedMs = Date.now();
  let isFollowed = true;
  log.scrollTop = log.scrollHeight;
  log.addEventListener('scroll', () => {
    isFollowed = log.scrollTop + log.clientHeight >= log.scrollHeight - 20;
  });
  // The server's lines are text; the script counts elements.
  const lines = document.createElement('span');
  lines.append(...log.childNodes);
  log.append(lines);

  const source = new EventSource(`${log.dataset['events']}?from=${log.dataset['position']}`);
  source.addEventListener('lines', (event) => {
    const more = JSON.parse(event.data);
    for (const pieces of more.lines) {
      const line = document.createElement('span');
      for (const [text, look] of pieces) {
        const piece = document.createElement('span');
        if (look) piece.className = look;
        piece.textContent = text;
        line.append(piece);
      }
      line.append('\n');
      log.append(line);
    }
    while (log.childElementCount > MAX_LINES) log.firstElementChild?.remove();
    if (isFollowed) log.scrollTop = log.scrollHeight;
  });
  source.addEventListener('state', (event) => {
    const { state, label, title, startedMs: started } = JSON.parse(event.data);
    startedMs = started;
    document.title = title;
    const mark = document.createElement('span');
    mark.className = `state ${state}`;
    mark.textContent = label;
    if (byId('state')?.textContent !== label) byId('state')?.replaceChildren(mark);
  });
  const clock = setInterval(() => {
    const took = byId('took');
    const seconds = Math.max(0, Math.floor((Date.now() - startedMs) / 1000));
    if (took) took.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  }, 1000);
  source.addEventListener('over', async () => {
    source.close();
    clearInterval(clock);
    const next = await load(location.href);
    if (!next) return;
    document.title = next.title;
    take(next, ['facts', 'ending']);
  });
}

/** The list of builds. */
function refresh(/** @type {HTMLElement} */ list) {
  setTimeout(async function look() {
    if (!document.hidden) {
      const next = await load(location.href);
      if (next) take(next, ['builds']);
    }
    setTimeout(look, Number(list.dataset['refresh']));
  }, Number(list.dataset['refresh']));
}

showCopyButtons();
const [form, log, list] = [byId('compose'), byId('log'), byId('builds')];
if (form instanceof HTMLFormElement) compose(form);
if (log) follow(log);
if (list) refresh(list);
