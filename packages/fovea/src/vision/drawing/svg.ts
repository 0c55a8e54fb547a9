// SVG as text: elements, numbers, and the document around them.

/** Attributes that are undefined are left out. Numbers keep two decimals. */
export type Attributes = Readonly<Record<string, string | number | undefined>>

/** A number as SVG text: at most two decimals, never "-0" or an exponent. */
export function number(value: number): string {
  const text = (Math.round(value * 100) / 100).toFixed(2).replace(/\.?0+$/, '')
  return text === '-0' ? '0' : text
}

/** `<name a="1">…</name>`; `children` must be SVG already. */
export function element(name: string, attributes: Attributes, children = ''): string {
  const list = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? number(value) : escapeText(value!)}"`)
    .join('')
  return children === '' ? `<${name}${list}/>` : `<${name}${list}>${children}</${name}>`
}

/** A whole drawing of the given size in pixels, on `background` (default none). */
export function svgDocument(width: number, height: number, children: readonly string[], background?: string): string {
  const size = { width: Math.round(width), height: Math.round(height) }
  const ground = background === undefined ? '' : element('rect', { ...size, fill: background })
  const attributes = { xmlns: 'http://www.w3.org/2000/svg', ...size, viewBox: `0 0 ${size.width} ${size.height}` }
  return element('svg', attributes, ground + children.join(''))
}

export function rect(x: number, y: number, width: number, height: number, attributes: Attributes = {}): string {
  return element('rect', { x, y, width: Math.max(0, width), height: Math.max(0, height), ...attributes })
}

export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string {
  return element('line', { x1, y1, x2, y2, ...attributes })
}

export function polyline(points: readonly (readonly [number, number])[], attributes: Attributes): string {
  const list = points.map(([x, y]) => `${number(x)},${number(y)}`).join(' ')
  return element('polyline', { points: list, fill: 'none', 'stroke-linejoin': 'round', 'stroke-linecap': 'round', ...attributes })
}

export function circle(cx: number, cy: number, r: number, attributes: Attributes): string {
  return element('circle', { cx, cy, r, ...attributes })
}

/** A picture by its address, usually a `data:` URL. */
export function picture(href: string, x: number, y: number, width: number, height: number): string {
  return element('image', { href, x, y, width, height, preserveAspectRatio: 'none' })
}

export function group(attributes: Attributes, children: readonly string[]): string {
  return element('g', attributes, children.join(''))
}

/** Text as the content of an element, or of an attribute in double quotes. */
export function escapeText(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
