// Network addresses that do not belong to a public host: what a stranger's URL must not reach from inside a network.

import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** IANA's IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), with multicast and the reserved block. */
const specialIPv4 = blockList('ipv4', [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
])

/** All that IANA gives to hosts of the Internet; loopback, link-local, unique local, multicast and the rest lie outside. */
const globalIPv6 = blockList('ipv6', [['2000::', 3]])

/** Exceptions inside `globalIPv6`: protocol assignments with Teredo, documentation, 6to4. */
const specialIPv6 = blockList('ipv6', [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
])

/**
 * Whether an IP address is private, loopback, link-local, multicast or special in another way. IPv4 inside IPv6 (mapped, RFC 4291 2.5.5.2;
 * NAT64, RFC 6052 2.1) is judged by the IPv4 address. What is no IP address counts as special.
 */
export function isSpecialAddress(address: string): boolean {
  if (isIPv4(address)) return specialIPv4.check(address, 'ipv4')
  if (!isIPv6(address) || address.includes('%')) return true
  const groups = groupsOf(address)
  const inner = `${groups[6]! >> 8}.${groups[6]! & 255}.${groups[7]! >> 8}.${groups[7]! & 255}`
  const prefix = groups
    .slice(0, 6)
    .map((group) => group.toString(16))
    .join(':')
  if (prefix === '0:0:0:0:0:ffff' || prefix === '64:ff9b:0:0:0:0') return specialIPv4.check(inner, 'ipv4')
  return !globalIPv6.check(address, 'ipv6') || specialIPv6.check(address, 'ipv6')
}

/** The eight groups of an IPv6 address; URL parsing writes them in one form, in which the last is never dotted. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const [before, after] = [parse(head), parse(tail ?? '')]
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
}

function blockList(family: 'ipv4' | 'ipv6', subnets: readonly [address: string, prefix: number][]): BlockList {
  const list = new BlockList()
  for (const [address, prefix] of subnets) list.addSubnet(address, prefix, family)
  return list
}
