// XML of label files: read into elements, safely; and written.

import { SaxesParser } from 'saxes'
import { FoveaError } from '../../util/errors.ts'

export interface XmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly XmlElement[]
  /** Its own text, without that of its children, trimmed. */
  readonly text: string
}

const maxDepth = 64

interface Growing {
  name: string
  attributes: Record<string, string>
  children: Growing[]
  text: string
}

/**
 * The root element. Document types are refused, so that no entity can be defined, expanded or fetched; names of namespaces stay as they are.
 * @throws DATASET_MALFORMED; DATASET_TOO_LARGE where elements lie more than 64 deep
 */
export function parseXml(text: string, file: string): XmlElement {
  const fail = (found: string, cause?: unknown): never => {
    throw new FoveaError('DATASET_MALFORMED', { file, expected: 'well-formed XML', found, cause })
  }
  const parser = new SaxesParser({ xmlns: false, position: true })
  const open: Growing[] = []
  let root: Growing | undefined
  parser.on('error', (error) => fail(error.message, error))
  parser.on('doctype', () => fail('a document type'))
  parser.on('opentag', ({ name, attributes }) => {
    if (open.length >= maxDepth)
      throw new FoveaError('DATASET_TOO_LARGE', { file, expected: `at most ${maxDepth} elements in one another`, found: 'more' })
    const element: Growing = { name, attributes: attributes as Record<string, string>, children: [], text: '' }
    if (open.length === 0) root = element
    else open.at(-1)!.children.push(element)
    open.push(element)
  })
  const addText = (part: string) => {
    if (open.length > 0) open.at(-1)!.text += part
  }
  parser.on('text', addText)
  parser.on('cdata', addText)
  parser.on('closetag', () => {
    const element = open.pop()!
    element.text = element.text.trim()
  })
  parser.write(text).close()
  return root ?? fail('no element')
}

export function childrenOf(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((child) => child.name === name)
}

export function childOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((child) => child.name === name)
}

/** The text of a child; undefined where there is none. */
export function textOf(element: XmlElement, name: string): string | undefined {
  return childOf(element, name)?.text
}

/** A number that a child or an attribute states. @throws DATASET_MALFORMED */
export function numberOf(text: string | undefined, field: string, file: string): number {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text)
  if (!Number.isFinite(value)) throw new FoveaError('DATASET_MALFORMED', { file, field, expected: 'a number', found: text ?? 'nothing' })
  return value
}

/** What is to be written: name, attributes, and text or children. */
export type XmlTree = readonly [name: string, attributes: Readonly<Record<string, string | number>>, content: string | readonly XmlTree[]]

/** The text of an XML file, two spaces a level. */
export function printXml(tree: XmlTree): string {
  const lines = ['<?xml version="1.0" encoding="utf-8"?>']
  const print = ([name, attributes, content]: XmlTree, indent: string): void => {
    const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(String(value))}"`)
    const head = `${indent}<${name}${pairs.join('')}`
    if (typeof content === 'string') lines.push(content === '' ? `${head}/>` : `${head}>${escapeXml(content)}</${name}>`)
    else if (content.length === 0) lines.push(`${head}/>`)
    else {
      lines.push(`${head}>`)
      for (const child of content) print(child, `${indent}  `)
      lines.push(`${indent}</${name}>`)
    }
  }
  print(tree, '')
  return `${lines.join('\n')}\n`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\n': '&#10;',
  '\r': '&#13;',
  '\t': '&#9;',
}

/** Characters that XML 1.0 cannot hold become U+FFFD. */
function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML forbids.
      .replaceAll(/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g, '\ufffd')
      .replaceAll(/[&<>"\n\r\t]/g, (character) => entities[character]!)
  )
}
