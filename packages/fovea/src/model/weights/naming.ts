// Which of a file's tensors are which of a network's: prefixes that training programs add, timm's names, torchvision's.

import { torchvisionNamings } from './torchvision-names.ts'

/** What wrappers put before all names: DataParallel, Lightning, detectors around a backbone, torch.compile. */
const knownPrefixes = ['module.', 'model.', 'backbone.', '_orig_mod.', 'state_dict.', 'network.', 'net.']

/** Wrappers around wrappers end somewhere. */
const maxPrefixes = 3

export interface Naming {
  readonly convention: 'timm' | 'torchvision'
  /** Removed from the file's names; '' where there was none. */
  readonly prefix: string
  /** The network's name of a tensor of the file, where it has one. */
  readonly targets: ReadonlyMap<string, string>
}

/**
 * The naming under which most of the file's names are names of the network. Where a file has two names for one tensor, the first
 * counts.
 *
 * @param names the file's
 * @param parameters the network's
 * @param under prefix of the network's names that the file does not have
 */
export function findNaming(names: readonly string[], parameters: Iterable<string>, under = ''): Naming {
  const wanted = new Set(parameters)
  let best: Naming = { convention: 'timm', prefix: '', targets: new Map() }
  for (const prefix of prefixesOf(names))
    for (const rename of [undefined, ...Object.values(torchvisionNamings)]) {
      const targets = new Map<string, string>()
      const taken = new Set<string>()
      for (const name of names) {
        const plain = name.startsWith(prefix) ? name.slice(prefix.length) : name
        const renamed = rename === undefined ? plain : rename(plain)
        const target = `${under}${renamed}`
        if (renamed === undefined || !wanted.has(target) || taken.has(target)) continue
        taken.add(target)
        targets.set(name, target)
      }
      if (targets.size > best.targets.size) best = { convention: rename === undefined ? 'timm' : 'torchvision', prefix, targets }
    }
  return best
}

/** '' and every chain of known prefixes that a name begins with. */
function prefixesOf(names: readonly string[]): string[] {
  const found = ['']
  let last = ['']
  for (let depth = 0; depth < maxPrefixes; depth++) {
    last = last.flatMap((prefix) =>
      knownPrefixes.map((next) => prefix + next).filter((longer) => names.some((name) => name.startsWith(longer))),
    )
    found.push(...last)
  }
  return found
}
