/* SPDX-License-Identifier: MIT */
/* page-style.h - how the pages of a sign-in look */
#ifndef SASL_BEARER_PAGE_STYLE_H
#define SASL_BEARER_PAGE_STYLE_H

/* Text on its ground has a contrast of at least 4.5:1, light and dark. */
#define PAGE_STYLE                                                             \
	":root{color-scheme:light dark;"                                       \
	"--ground:#f3f4f6;--card:#fff;--edge:#dde0e5;--text:#1b1f24;"          \
	"--quiet:#59616c;--state:#14713d;--tint:#e3f4ea}"                      \
	".failed{--state:#b3261e;--tint:#fbe9e7}"                              \
	".foreign{--state:#6f5200;--tint:#fbf1d5}"                             \
	"@media(prefers-color-scheme:dark){"                                   \
	":root{--ground:#131518;--card:#1c1f24;--edge:#31363d;--text:#e9ebee;" \
	"--quiet:#a2aab4;--state:#6fd79b;--tint:#173526}"                      \
	".failed{--state:#ff9d94;--tint:#401d1a}"                              \
	".foreign{--state:#f0c75e;--tint:#382e12}}"                            \
	"*{box-sizing:border-box}"                                             \
	"body{margin:0;min-height:100vh;min-height:100dvh;display:flex;"       \
	"flex-direction:column;align-items:center;justify-content:center;"     \
	"padding:1.5rem 1rem;background:var(--ground);color:var(--text);"      \
	"font:1.0625rem/1.55 system-ui,-apple-system,\"Segoe UI\",Roboto,"     \
	"Cantarell,\"Noto Sans\",\"DejaVu Sans\",sans-serif}"                  \
	"main{width:100%;max-width:36rem;background:var(--card);"              \
	"position:relative;overflow:hidden;border:1px solid var(--edge);"      \
	"border-radius:.75rem;padding:2.25rem 2.5rem 2rem;"                    \
	"box-shadow:0 1px 2px #0000000d,0 8px 24px #0000000f}"                 \
	"main::before{content:\"\";position:absolute;inset:0 0 auto;"          \
	"height:.375rem;background:var(--state)}"                              \
	".head{display:flex;align-items:center;gap:1.125rem}"                  \
	"svg{flex:none;width:3.25rem;height:3.25rem}"                          \
	"circle{fill:var(--tint)}"                                             \
	"path{fill:none;stroke:var(--state);stroke-width:3.5;"                 \
	"stroke-linecap:round;stroke-linejoin:round}"                          \
	"h1{margin:0;font-size:1.75rem;line-height:1.2;font-weight:650;"       \
	"letter-spacing:-.01em;text-wrap:balance}"                             \
	"h2{margin:1.75rem 0 .375rem;font-size:1.0625rem;font-weight:650}"     \
	"p{margin:1.25rem 0 0;overflow-wrap:anywhere}"                         \
	"h2+p{margin-top:0}"                                                   \
	"dl{display:grid;grid-template-columns:max-content 1fr;"               \
	"gap:.5rem 1.5rem;margin:1.5rem 0 0;padding:1rem 1.25rem;"             \
	"background:var(--ground);border-radius:.5rem}"                        \
	"dt{color:var(--quiet)}"                                               \
	"dd{margin:0;font-weight:600;overflow-wrap:anywhere}"                  \
	"ul{margin:0;padding-left:1.25rem}"                                    \
	"li+li{margin-top:.25rem}"                                             \
	"footer{margin-top:1.25rem;max-width:36rem;color:var(--quiet);"        \
	"font-size:.875rem;text-align:center;text-wrap:balance}"               \
	"@media(max-width:30rem){"                                             \
	"body{justify-content:flex-start}"                                     \
	"main{padding:1.5rem 1.25rem}"                                         \
	"h1{font-size:1.5rem}"                                                 \
	"dl{grid-template-columns:1fr;gap:0}"                                  \
	"dt:not(:first-child){margin-top:.625rem}}"

#endif
