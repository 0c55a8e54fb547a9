import { createRequire } from 'node:module'
const require = createRequire('/work/main/packages/fovea/package.json')
const sharp = require('sharp')
const jt = createRequire('/tmp/jt/package.json')('@julusian/jpeg-turbo')
import { readFileSync, globSync } from 'node:fs'
const files=[...globSync('/work/shared/data/bccd/BCCD/JPEGImages/*.jpg').slice(0,2),...globSync('/work/shared/data/neu-det/IMAGES/*.jpg').slice(0,2),...globSync('/work/shared/data/exif-orientation/*.jpg').slice(0,4)]
const bufs=[]
for(const f of files) bufs.push([f.split('/').pop(),readFileSync(f)])
const b0=bufs[0][1]
for (const [n,o] of [['420',{chromaSubsampling:'4:2:0'}],['444',{chromaSubsampling:'4:4:4'}],['prog',{progressive:true}],['moz',{mozjpeg:true}]]) bufs.push([n,await sharp(b0).jpeg({quality:85,...o}).toBuffer()])
bufs.push(['gray',await sharp(b0).grayscale().jpeg().toBuffer()])
bufs.push(['cmyk',await sharp(b0).toColourspace('cmyk').jpeg().toBuffer()])
bufs.push(['odd',await sharp(b0).resize(101,67).jpeg().toBuffer()])
for (const [n,b] of bufs){ const s=await sharp(b).toColourspace('srgb').raw().toBuffer({resolveWithObject:true}); try{ const j=jt.decompressSync(b,{format:jt.FORMAT_RGB}); let d=0,mx=0,c=0; if(s.info.channels===3&&j.data.length===s.data.length) for(let i=0;i<j.data.length;i++){const e=Math.abs(j.data[i]-s.data[i]); if(e){c++; if(e>mx)mx=e; d+=e}}; console.log(n,j.width,j.height,j.data.length,s.info.channels,'diff share',(c/j.data.length).toFixed(4),'max',mx,'mean',(d/j.data.length).toFixed(4)) }catch(e){console.log(n,'error',e.message)} }
for (const cut of [0.3,0.5,0.9,0.99]) try{ jt.decompressSync(b0.subarray(0,b0.length*cut|0),{format:jt.FORMAT_RGB}); console.log('cut',cut,'no error') }catch(e){console.log('cut',cut,e.message)}
let ok=0,err={}; let rs=5; const rnd=()=>(rs=(rs*1103515245+12345)&0x7fffffff)/0x7fffffff
let disagree=0
for(let i=0;i<400;i++){ const m=Buffer.from(b0); const k=1+(rnd()*4|0); for(let q=0;q<k;q++) m[rnd()*m.length|0]=rnd()*256|0; let a,b; try{ jt.decompressSync(m,{format:jt.FORMAT_RGB}); a=1; ok++}catch(e){ a=0; err[e.message]=(err[e.message]??0)+1 } try{ await sharp(m,{failOn:'error'}).raw().toBuffer(); b=1}catch{b=0} if(a&&!b)disagree++ }
console.log(ok,err,'jt ok but sharp refuses',disagree)
