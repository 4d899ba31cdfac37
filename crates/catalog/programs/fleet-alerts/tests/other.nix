{
  diskWarning = 30;
  downAfter = "1h";
  extraRules = [
    {
      alert = "DoorOpen";
      expr = "door_open == 1";
      for = "5m";
      severity = "info";
      summary = "{{ $labels.door }} is open";
    }
  ];
}
