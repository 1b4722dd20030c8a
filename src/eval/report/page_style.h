// The style of a report's page: light and dark, wide and narrow. Nothing is fetched.
#pragma once

namespace tmpq {

// Series colours are Okabe and Ito's, which the colour-blind tell apart, made lighter in the dark;
// bit-widths go from dark to bright as viridis does.
inline constexpr const char* kPageStyle = R"(
:root{color-scheme:light dark}
*{box-sizing:border-box}
body{margin:0;background:#fff;color:#1b1b1b;font:16px/1.5 system-ui,sans-serif}
main{max-width:76rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;margin:.5rem 0}
h2{font-size:1.15rem;margin:2rem 0 .5rem}
p{max-width:44rem;margin:.4rem 0}
.note{opacity:.75;font-size:.9rem}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,25rem),1fr));gap:1.5rem}
figure{margin:0;min-width:0}
figcaption{font-size:.9rem;margin-bottom:.3rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem .25rem 0;text-align:left;white-space:nowrap;vertical-align:top}
thead th{border-bottom:1px solid currentColor}
tbody th{font-weight:600}
tr.plan{font-weight:600}
.value{display:block}
.interval{opacity:.75}
code,.mono{font-family:ui-monospace,monospace;font-size:.8rem;overflow-wrap:anywhere}
details{margin:.5rem 0}
summary{cursor:pointer}
svg{display:block;width:100%;height:auto;max-width:44rem}
svg text{fill:#1b1b1b;font:12px system-ui,sans-serif}
svg .small{font-size:10px}
svg .group{font-size:11px;font-weight:600}
svg .cell{font-size:9px}
.grid{stroke:#1b1b1b;stroke-opacity:.12}
.axis{stroke:#1b1b1b;stroke-opacity:.6}
.line{fill:none;stroke-width:1.8}
.area{stroke:none}
.pale{fill-opacity:.55}
.dashed{stroke-dasharray:5 4}
img{max-width:100%;height:auto;image-rendering:pixelated}
.bar{display:inline-block;height:.6rem;background:#0072b2;min-width:1px}
.line.s0{stroke:#1b1b1b}.area.s0{fill:#1b1b1b}
.line.s1{stroke:#0072b2}.area.s1{fill:#0072b2}
.line.s2{stroke:#d55e00}.area.s2{fill:#d55e00}
.line.s3{stroke:#b87a00}.area.s3{fill:#b87a00}
.line.s4{stroke:#00805f}.area.s4{fill:#00805f}
.line.s5{stroke:#2f8fc4}.area.s5{fill:#2f8fc4}
.line.s6{stroke:#8a8a8a}.area.s6{fill:#8a8a8a}
.b2{fill:#440154}.b3{fill:#46327e}.b4{fill:#365c8d}.b5{fill:#277f8e}.b6{fill:#1fa187}
.b7{fill:#4ac16d}.b8{fill:#a0da39}.b16{fill:#fde725}.b32{fill:#cfcfcf}
svg .t2,svg .t3,svg .t4,svg .t5{fill:#fff}
svg .t6,svg .t7,svg .t8,svg .t16,svg .t32{fill:#111}
@media (prefers-color-scheme:dark){
body{background:#141414;color:#e8e8e8}
svg text{fill:#e8e8e8}
.grid,.axis{stroke:#e8e8e8}
.bar{background:#56b4e9}
.line.s0{stroke:#e8e8e8}.area.s0{fill:#e8e8e8}
.line.s1{stroke:#56a5e9}.area.s1{fill:#56a5e9}
.line.s2{stroke:#ff8a3d}.area.s2{fill:#ff8a3d}
.line.s3{stroke:#f0b429}.area.s3{fill:#f0b429}
.line.s4{stroke:#2ecc9a}.area.s4{fill:#2ecc9a}
.line.s5{stroke:#7cc7f2}.area.s5{fill:#7cc7f2}
.line.s6{stroke:#9a9a9a}.area.s6{fill:#9a9a9a}
}
)";

}  // namespace tmpq
