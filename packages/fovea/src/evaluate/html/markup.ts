// HTML as text in which everything that is not markup is escaped: names of classes and files come from strangers.

/** Markup that is safe as it stands. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type HtmlValue = Markup | string | number | undefined | false | readonly HtmlValue[]

/** A template whose values are escaped, in text and in quoted attributes alike; markup in it stays markup, undefined and false are nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Markup {
  return new Markup(strings.map((part, i) => part + (i < values.length ? textOf(values[i]) : '')).join(''))
}

function textOf(value: HtmlValue): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Markup) return value.text
  if (typeof value === 'object') return value.map(textOf).join('')
  return escapeHtml(String(value))
}

/** Signs that mean something in HTML as entities; those that turn the direction of text, and control signs, are made visible. */
export function escapeHtml(text: string): string {
  return text
    .replace(/(?![\t\n])[\p{Cc}\p{Bidi_Control}]/gu, '\ufffd')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&#39;')
}
