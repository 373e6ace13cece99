# SPDX-License-Identifier: MIT
# fish completion for sasl-bearer, which knows itself what may come next

function __sasl_bearer_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    command -q $words[1]; or return
    set -l candidates ($words[1] complete -- $words[2..-1] "$word" 2>/dev/null)
    if test "$candidates" = :files
        set -l begun (string match -r -- '^--[^=]*=' "$word")
        for path in (__fish_complete_path (string replace -- "$begun" '' "$word"))
            echo "$begun$path"
        end
    else
        string join -- \n $candidates
    end
end

complete -c sasl-bearer -f -a '(__sasl_bearer_complete)'
