{
  environment.etc.targets.text = lib.concatLines cfg.targts;
  environment.etc.others.text = lib.concatLines (cfg.others or cfg.targets);
}
