#!/bin/sh
# embed.sh OUTPUT FILE…: writes assembly that places each file in .rodata between
# asset_NAME and asset_NAME_end, where NAME is the file's with _ for what no symbol may hold.
set -eu
output=$1
shift
{
        echo '.section .rodata'
        for file in "$@"; do
                name=asset_$(basename "$file" | tr -c 'A-Za-z0-9\n' _)
                printf '.balign 16\n.global %s, %s_end\n%s:\n.incbin "%s"\n%s_end:\n.byte 0\n' \
                        "$name" "$name" "$name" "$(realpath "$file")" "$name"
        done
        echo '.section .note.GNU-stack,"",@progbits'
} >"$output"
