// Passwords in addresses: kept out of names, messages and logs.

/** Parameters whose values are secret, by what their names hold. */
const secretNames = /pass|pwd|secret|token|auth|key|user|login|sig/i

/** An address without its user, password, and the values of parameters that look secret. What is no address is given back unchanged. */
export function hideSecrets(address: string): string {
  return address
    .replaceAll(/([a-z][a-z\d+.-]*:\/\/)[^/?#\s]*@/gi, '$1')
    .replaceAll(/([?&;])([^=&;#\s]+)=([^&;#\s]*)/g, (whole, mark: string, name: string) =>
      secretNames.test(name) ? `${mark}${name}=***` : whole,
    )
}

/** A function that keeps the secrets of one address out of any text, such as what FFmpeg says. */
export function secretHider(address: string): (text: string) => string {
  const secrets = new Set<string>()
  const [, login = ''] = /^[a-z][a-z\d+.-]*:\/\/([^/?#]*)@/i.exec(address) ?? []
  const at = login.indexOf(':')
  if (at >= 0) secrets.add(login.slice(at + 1))
  for (const [, name, value] of address.matchAll(/[?&;]([^=&;#\s]+)=([^&;#\s]*)/g)) if (secretNames.test(name!)) secrets.add(value!)
  for (const secret of [...secrets]) secrets.add(decoded(secret))
  // Shorter ones would take ordinary letters out of every word.
  const long = [...secrets].filter(({ length }) => length >= 3).sort((a, b) => b.length - a.length)
  return (text) => long.reduce((result, secret) => result.replaceAll(secret, '***'), hideSecrets(text))
}

/** The user and password of an address, decoded; undefined where it has none. */
export function credentialsOf({ username, password }: URL): { readonly user: string; readonly password: string } | undefined {
  return username === '' && password === '' ? undefined : { user: decoded(username), password: decoded(password) }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
