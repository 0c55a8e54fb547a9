// Makes a fresh clone ready to run: packages, a current Node, system libraries, the build.
// Starts on Node 20 with nothing installed; says nothing and takes well under a second when all is done.
//
// --no-build leaves the build out. --programs also installs the programs that only some parts call, which the tests of those parts need.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const bin = join(root, 'node_modules', '.bin')
const stamp = join(root, 'node_modules', '.fovea-setup')
/** The first Node that runs TypeScript source without a flag; published packages run from 22.0 on. */
const oldestNode = [22, 18]

/** Programs that parts of Fovea call when they are there. */
const optionalPrograms = [{ name: 'ffmpeg', use: 'video files and cameras' }]

/** Debian's packages of the libraries that Node, ONNX Runtime and sharp are linked with. */
const debianPackages = {
  'libstdc++.so.6': 'libstdc++6',
  'libgcc_s.so.1': 'libgcc-s1',
  'libatomic.so.1': 'libatomic1',
  'libgomp.so.1': 'libgomp1',
}

function say(line) {
  process.stderr.write(`${line}\n`)
}

/** Ends the set-up. The remedy is a line of its own. */
function stop(problem, remedy) {
  say(`set-up: ${problem}`)
  say(`        ${remedy}`)
  process.exit(1)
}

function run(program, args, options = {}) {
  const shell = process.platform === 'win32' && !program.endsWith('.exe')
  return spawnSync(program, args, { cwd: root, encoding: 'utf8', shell, ...options })
}

function onPath(program) {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd'] : ['']
  return (process.env.PATH ?? '').split(delimiter).some((folder) =>
    endings.some((ending) => {
      try {
        accessSync(join(folder, program + ending), constants.X_OK)
        return true
      } catch {
        return false
      }
    }),
  )
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

/** Whether node_modules holds what the lock file asks for: npm keeps a record of what it installed. */
function packagesInstalled() {
  const record = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(record)) return false
  const installed = readJson(record).packages
  return Object.entries(readJson(join(root, 'package-lock.json')).packages).every(
    ([path, wanted]) =>
      !path.includes('node_modules/') ||
      installed[path]?.version === wanted.version ||
      (installed[path] === undefined && (wanted.optional || wanted.peer)),
  )
}

/** Runs npm by a Node. */
function npm(node, ...command) {
  // Install scripts are not needed by anything here, and older versions of npm would run them: one downloads CUDA.
  const args = [...command, '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error']
  const cli = process.env.npm_execpath
  const stdio = ['ignore', 'ignore', 'inherit']
  if (cli?.endsWith('npm-cli.js')) return run(node, [cli, ...args], { stdio, shell: false })
  return run('npm', args, { stdio, env: { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` } })
}

function installPackages() {
  say('set-up: installing packages (npm ci)')
  const { status, error } = npm(process.execPath, 'ci')
  if (error?.code === 'ENOENT') stop('npm is not on the path', 'Install it with Node (Debian: apt-get install npm), then run this again.')
  if (status !== 0) stop('npm ci failed', 'Check the connection to the npm registry (npm ping) and the message above, then run this again.')
}

/** Installs the optional packages that npm left out, since they want a later Node than the system's: the project's own one is late enough. */
function installLeftOut(node) {
  const record = readJson(join(root, 'node_modules', '.package-lock.json')).packages
  const { packages } = readJson(join(root, 'package-lock.json'))
  const leftOut = Object.entries(packages).some(
    ([path, one]) => one.optional && !one.os && !one.cpu && !one.libc && record[path] === undefined,
  )
  // They are optional: without them some things are slower, and the tests say so.
  if (leftOut) npm(node, 'install', '--no-save')
}

/** Names the shared library that the loader could not find, if that is what went wrong. */
function missingLibrary(text) {
  return /(lib[\w+.-]+\.so[.\d]*): cannot open shared object file/.exec(text)?.[1]
}

/** The line that tells what went wrong, out of a stack trace. */
function firstError(text) {
  const lines = text.trim().split('\n')
  return (lines.find((line) => /error/i.test(line)) ?? lines[0]).trim()
}

/** Whether Debian packages can be installed without asking anybody. */
function mayInstall() {
  return process.getuid?.() === 0 && onPath('apt-get')
}

/** Installs a Debian package; false where that fails. */
function installPackage(name) {
  say(`set-up: installing the system package ${name}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) => run('apt-get', args, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0
  const install = () => apt('install', '-y', '--no-install-recommends', name)
  return install() || (apt('update') && install())
}

/** Installs a library's Debian package where that is allowed, or ends with the command to type. */
function installLibrary(library) {
  const name = debianPackages[library]
  const command = name ? `apt-get install -y --no-install-recommends ${name}` : `install the package that provides ${library}`
  if (!name || !mayInstall()) stop(`the system library ${library} is missing`, `As root: ${command}`)
  if (!installPackage(name)) stop(`the system package ${name} could not be installed`, `As root: ${command}`)
}

/** Runs a program, installing the libraries that its loader misses. */
function runLinked(program, args, what) {
  for (let attempt = 0; attempt <= Object.keys(debianPackages).length; attempt++) {
    const result = run(program, args, { cwd: join(root, 'packages', 'fovea') })
    if (result.status === 0) return result.stdout.trim()
    const library = missingLibrary(result.stderr ?? '')
    if (library === undefined)
      stop(
        `${what} does not run here: ${firstError(result.stderr || String(result.error))}`,
        'Remove node_modules and try again. Needed: Linux with glibc 2.28 (Debian 10, Ubuntu 20.04) on x64 or arm64, macOS or Windows.',
      )
    installLibrary(library)
  }
  return stop(`${what} still does not run`, 'See the messages above.')
}

/** The Node that runs the project: its own one where the lock file brings it, else the system's. */
function findNode() {
  const own = join(bin, 'node')
  const program = existsSync(own) ? own : process.execPath
  const version = runLinked(program, ['--version'], 'Node').replace(/^v/, '')
  const [major, minor] = version.split('.').map(Number)
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1]))
    stop(
      `Node ${oldestNode.join('.')} or later is needed, and this is ${version}`,
      'Install it from https://nodejs.org or with your version manager (nvm install 24).',
    )
  return { program, version }
}

/** Compiles to dist; the compiler itself skips what is up to date. */
function build(node) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, stdout } = run(node, [compiler, '-b', 'packages/fovea'])
  if (status !== 0) stop(`the build failed\n${stdout.trim()}`, 'Mend the errors above, or start from a clean checkout.')
}

if (!existsSync(join(root, 'package-lock.json'))) stop('package-lock.json is missing', 'Restore it: git checkout package-lock.json')
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const settled = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
const fresh = settled || packagesInstalled()
if (!fresh) installPackages()
const node = findNode()
if (!settled) {
  if (node.version !== process.versions.node) installLeftOut(node.program)
  runLinked(node.program, ['--input-type=module', '-e', "await import('onnxruntime-node'); await import('sharp')"], 'ONNX Runtime')
  if (node.version !== process.versions.node)
    say(`set-up: the project runs on its own Node ${node.version}; the system has ${process.versions.node}`)
  writeFileSync(stamp, wanted)
}
const wantsPrograms = process.argv.includes('--programs')
for (const { name, use } of optionalPrograms)
  if (!onPath(name) && !(wantsPrograms && mayInstall() && installPackage(name)) && !settled)
    say(`set-up: ${name} is not installed; only ${use} need it (Debian: apt-get install ${name})`)
if (!process.argv.includes('--no-build')) build(node.program)
