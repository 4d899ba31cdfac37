{
  config,
  lib,
  pkgs,
  ...
}:
let

  inherit (pkgs) vimPlugins;

  servers = {
    basedpyright = pkgs.basedpyright;
    bashls = pkgs.bash-language-server;
    clangd = pkgs.clang-tools;
    cssls = pkgs.vscode-langservers-extracted;
    dockerls = pkgs.dockerfile-language-server;
    gopls = pkgs.gopls;
    html = pkgs.vscode-langservers-extracted;
    jdtls = pkgs.jdt-language-server;
    jsonls = pkgs.vscode-langservers-extracted;
    lua_ls = pkgs.lua-language-server;
    marksman = pkgs.marksman;
    nil_ls = pkgs.nil;
    nixd = pkgs.nixd;
    pyright = pkgs.pyright;
    ruff = pkgs.ruff;
    rust_analyzer = pkgs.rust-analyzer;
    taplo = pkgs.taplo;
    terraformls = pkgs.terraform-ls;
    ts_ls = pkgs.typescript-language-server;
    yamlls = pkgs.yaml-language-server;
  };

  schemes = {
    catppuccin-latte = vimPlugins.catppuccin-nvim;
    catppuccin-mocha = vimPlugins.catppuccin-nvim;
    gruvbox = vimPlugins.gruvbox-nvim;
    tokyonight = vimPlugins.tokyonight-nvim;
  };

  treesitter = {
    all = [ vimPlugins.nvim-treesitter.withAllGrammars ];
    chosen = [
      (vimPlugins.nvim-treesitter.withPlugins (
        grammars:
        map (name: grammars.${name}) [
          "bash"
          "c"
          "lua"
          "markdown"
          "nix"
          "vimdoc"
          "yaml"
        ]
      ))
    ];
    none = [ ];
  };
in
{

  programs.neovim = {
    enable = true;
    defaultEditor = true;
    viAlias = true;
    vimAlias = true;
    vimdiffAlias = true;
    withPython3 = lib.mkDefault false;
    withRuby = lib.mkDefault false;

    extraPackages = lib.unique (
      [
        pkgs.fd
        pkgs.ripgrep
      ]
      ++ map (name: servers.${name}) [
        "nixd"
        "bashls"
        "lua_ls"
        "yamlls"
        "jsonls"
        "marksman"
      ]

    );

    plugins = [
      vimPlugins.nvim-lspconfig
      vimPlugins.which-key-nvim
    ]
    ++ treesitter.all
    ++ [ schemes.catppuccin-mocha ]
    ++ [ vimPlugins.blink-cmp ]
    ++ [
      vimPlugins.plenary-nvim
      vimPlugins.telescope-nvim
    ]
    ++ [ vimPlugins.gitsigns-nvim ]
    ++ map (name: vimPlugins.${name}) [ ];

    initLua = lib.mkMerge [
      (lib.mkBefore ''
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
      '')
      (''
        vim.cmd.colorscheme("catppuccin-mocha")
      '')
      (''
        vim.api.nvim_create_autocmd("FileType", {
          callback = function(args)
            pcall(vim.treesitter.start, args.buf)
          end,
        })
      '')
      (''
        require("blink.cmp").setup({})
        vim.lsp.config("*", { capabilities = require("blink.cmp").get_lsp_capabilities() })
      '')
      (''
        local telescope = require("telescope.builtin")
        vim.keymap.set("n", "<leader>f", telescope.find_files, { desc = "Find files" })
        vim.keymap.set("n", "<leader>g", telescope.live_grep, { desc = "Search text" })
        vim.keymap.set("n", "<leader>b", telescope.buffers, { desc = "Buffers" })
      '')
      (''
        require("gitsigns").setup({})
      '')
      (''
        vim.lsp.enable({ ${
          lib.concatMapStringsSep ", " (name: "\"${name}\"") [
            "nixd"
            "bashls"
            "lua_ls"
            "yamlls"
            "jsonls"
            "marksman"
          ]
        } })
        vim.diagnostic.config({ virtual_text = true })
        vim.keymap.set("n", "gd", vim.lsp.buf.definition, { desc = "Definition" })
        vim.keymap.set("n", "gr", vim.lsp.buf.references, { desc = "References", nowait = true })
        vim.keymap.set("n", "<leader>rn", vim.lsp.buf.rename, { desc = "Rename" })
      '')
      (lib.mkAfter "")
    ];
  };
}
