{ pkgs, ... }:
{
  programs.neovim = {
    enable = true;
    defaultEditor = true;
    viAlias = true;
    vimAlias = true;
    vimdiffAlias = true;
    withPython3 = false;
    withRuby = false;

    extraPackages = [
      pkgs.fd
      pkgs.ripgrep
      pkgs.nixd
      pkgs.bash-language-server
      pkgs.lua-language-server
      pkgs.yaml-language-server
      pkgs.vscode-langservers-extracted
      pkgs.marksman
    ];

    plugins = [
      pkgs.vimPlugins.nvim-lspconfig
      pkgs.vimPlugins.which-key-nvim
      pkgs.vimPlugins.nvim-treesitter.withAllGrammars
      pkgs.vimPlugins.catppuccin-nvim
      pkgs.vimPlugins.blink-cmp
      pkgs.vimPlugins.plenary-nvim
      pkgs.vimPlugins.telescope-nvim
      pkgs.vimPlugins.gitsigns-nvim
    ];

    initLua = ''
      vim.g.mapleader = " "
      vim.o.number = true
      vim.o.relativenumber = true
      vim.o.expandtab = true
      vim.o.shiftwidth = 2
      vim.o.tabstop = 2
      vim.o.ignorecase = true
      vim.o.smartcase = true
      vim.o.undofile = true
      vim.o.signcolumn = "yes"
      vim.o.scrolloff = 4
      vim.o.clipboard = "unnamedplus"
      vim.o.termguicolors = true

      vim.cmd.colorscheme("catppuccin-mocha")

      vim.api.nvim_create_autocmd("FileType", {
        callback = function(args)
          pcall(vim.treesitter.start, args.buf)
        end,
      })

      require("blink.cmp").setup({})
      vim.lsp.config("*", { capabilities = require("blink.cmp").get_lsp_capabilities() })

      local telescope = require("telescope.builtin")
      vim.keymap.set("n", "<leader>f", telescope.find_files, { desc = "Find files" })
      vim.keymap.set("n", "<leader>g", telescope.live_grep, { desc = "Search text" })
      vim.keymap.set("n", "<leader>b", telescope.buffers, { desc = "Buffers" })

      require("gitsigns").setup({})

      vim.lsp.enable({ "nixd", "bashls", "lua_ls", "yamlls", "jsonls", "marksman" })
      vim.diagnostic.config({ virtual_text = true })
      vim.keymap.set("n", "gd", vim.lsp.buf.definition, { desc = "Definition" })
      vim.keymap.set("n", "gr", vim.lsp.buf.references, { desc = "References", nowait = true })
      vim.keymap.set("n", "<leader>rn", vim.lsp.buf.rename, { desc = "Rename" })

    '';
  };
}
