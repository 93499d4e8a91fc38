/** HTML that is safe to be sent: made only by {@link html}. */
export interface Html {
  readonly html: string;
}

/** What may stand in a template. Text is escaped; `undefined`, `null` and `false` are nothing. */
export type HtmlValue = Html | string | number | undefined | null | false | readonly HtmlValue[];

/** HTML in which everything that is put in is text, wherever it stands: between tags, or in an attribute in quotes. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  let made = parts[0] ?? '';
  for (const [index, value] of values.entries()) made += render(value) + (parts[index + 1] ?? '');
  return { html: made };
}

function render(value: HtmlValue): string {
  if (value === undefined || value === null || value === false) return '';
  if (typeof value === 'string') return escape(value);
  if (typeof value === 'number') return String(value);
  return 'html' in value ? value.html : value.map(render).join('');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}
