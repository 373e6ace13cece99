/* SPDX-License-Identifier: MIT */
/* qr.h - a QR code on a terminal */
#ifndef SASL_BEARER_QR_H
#define SASL_BEARER_QR_H

/*
 * Print a text as a QR code under a heading: two modules to a character, with
 * margins of two modules. Its colours are set, so that it is black on white
 * whatever the terminal's are, and reset at the end of each line.
 *
 *	heading	printed as it is, if the code is
 *	text	up to 2000 bytes; shown to whoever sees the terminal
 *
 * Does nothing unless standard output is a terminal that has colours, is in
 * UTF-8 and is wide enough, and this program was built with libqrencode.
 *
 * Returns 1 if it was printed, else 0: one can do without it.
 */
int qr_print(const char *heading, const char *text);

#endif
